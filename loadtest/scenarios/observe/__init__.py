"""A mixed load in the local stack, and all that it reported second by second: what the dashboard is drawn from."""
