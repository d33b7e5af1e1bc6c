"""Label errors: labels that models which never saw them confidently disagree with."""
