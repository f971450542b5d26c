"""A mixed load in the local stack, and all that it told of itself: metrics second by second, and how files ended."""
