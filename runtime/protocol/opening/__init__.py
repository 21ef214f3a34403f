"""The opening of all linear claims on committed cells."""
