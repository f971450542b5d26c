"""What is measured while a scenario runs, once a second, and the figures made of it afterwards."""
