"""What the log says: the form of a line, what is hidden in it, and whom it is about.

``formatter`` makes a line of a record, for a person or as JSON. Nothing here starts anything: the
command sets the root logger up (``actors.endpoint.command.logs``).
"""
