"""What `python -m fungrad` does. Imports every layer below; scikit-learn when it runs."""
