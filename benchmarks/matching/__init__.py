"""How long routing a call takes with 100,000 trunks and 100,000 rules in memory."""
