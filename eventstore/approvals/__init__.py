"""What cannot be undone and waits for a second person, where FOUR_EYES says so.

Read ``events`` first, then ``keeping``; ``granting`` is what the acts themselves ask.
"""
