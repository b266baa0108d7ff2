"""PURE: why a plan leaves a thing as it is, worked out from the plan and the picture that it rests on."""
