"""Popups: the resource that every later one is modelled on."""
