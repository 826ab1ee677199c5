"""States of unfinished paintings: saved while they are painted, found and resumed later."""
