"""Serving: a router behind HTTP, in the interfaces that clients speak. One file an interface."""
