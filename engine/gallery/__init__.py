"""The paper's figures, painted: which pictures, how they are made, and the page that shows them."""
