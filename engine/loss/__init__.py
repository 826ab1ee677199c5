"""Loss: definition, terms, targets and evaluators."""
