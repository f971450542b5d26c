"""A mixed load in the local stack, and all that it reported: metrics second by second, and how files ended."""
