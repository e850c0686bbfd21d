"""Channels: one actor for each topic that a client has joined (``Phoenix.Channel``)."""
