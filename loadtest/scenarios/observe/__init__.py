"""A mixed load in the local stack, with its metrics and log by second, from which the dashboard's picture is drawn."""
