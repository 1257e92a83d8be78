"""The call page: the embedded platform's browser side, over HTTP. Audio is the media engine's."""
