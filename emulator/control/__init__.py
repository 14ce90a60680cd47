"""A rig controlled from outside: HTTP, JSON and server-sent events, and the live panel on the same server."""
