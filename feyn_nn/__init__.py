"""feyn-nn: Feynman diagrams for the correspondence between neural networks and field theory."""
