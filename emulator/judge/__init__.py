"""The judge: rules over a trace that say what the terminal did wrong. It knows events, no card and no terminal."""
