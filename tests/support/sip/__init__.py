"""A SIP peer for tests: builds and reads messages without the product's parser, so that both cannot err
alike."""
