"""From a request to a proof."""
