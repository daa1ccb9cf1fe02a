"""The demo: a simulated terminal and an example EA in this process, the real daemon in another, its socket between.

Time is the market's, never the computer's: nothing here waits for a clock.
"""
