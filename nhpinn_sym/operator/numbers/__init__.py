"""Numbers from expressions: enclosures, breaks, panels that resolve them, means."""
