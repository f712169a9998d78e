"""Systems that tell us about people: one anti-corruption layer each."""
