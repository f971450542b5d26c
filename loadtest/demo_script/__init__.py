"""An operator's day in the local stack: real commands, what they print, and what is made of it."""
