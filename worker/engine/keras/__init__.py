"""Networks of stock Keras: built, trained by `fit`, and what weights predict."""
