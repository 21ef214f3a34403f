"""A model's artifact: its keys and their files, the weights' masks, the budget of proofs."""
