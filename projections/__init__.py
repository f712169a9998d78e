"""The read side: what the log says, shaped for search; disposable.

Read it in this order: models, directory (events to rows), queries, reprocess, api,
admin.
"""
