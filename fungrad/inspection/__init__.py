"""Seeing what happens: programs as text, HTML and pictures, what they cost, both modes compared.

Stands above `api`: imports everything below. matplotlib is imported when a plot is asked for.
"""
