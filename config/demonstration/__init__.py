"""A demonstration: real records, real commands, and a few people with a story."""
