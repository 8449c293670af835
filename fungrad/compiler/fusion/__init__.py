"""Which equations share a loop nest, and the kernels that they become. Imports core and
`language`."""
