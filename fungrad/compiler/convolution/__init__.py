"""Convolutions and windows: which way is best, by tiles, by products, by direct loops. Imports
`language`, `moves` and `products`."""
