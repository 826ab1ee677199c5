"""Gallery: the paper's figures, painted, with a page that shows them."""
