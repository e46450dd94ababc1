"""The words and pictures of the Compare tab."""
