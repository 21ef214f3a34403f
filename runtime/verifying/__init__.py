"""From a proof to the statement that it proves, or to a reason why it does not."""
