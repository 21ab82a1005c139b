"""What others have shared: its address, what lies there, and how it comes here. Imports nothing heavy."""
