"""What clients of the API asked for that outlives their request.

Jobs that take longer, answers to requests that are repeated, and addresses that are told of events.
"""
