"""Widgets of a server that is watched: traffic, and the requests that it was least sure of."""
