"""Why a plan leaves a thing as it is: what `ballast explain` works out, and whether it is true."""
