"""Problems: what is in a data file, and what is wrong with it. One kind of problem a file."""
