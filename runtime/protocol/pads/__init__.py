"""The pads that mask messages, and what the messages make of them."""
