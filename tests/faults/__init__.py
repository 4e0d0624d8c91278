"""What breaks, what each daemon makes of it, and how long it takes: see run.py."""
