"""The stages of a plan's life that ask the world: admission, approval, dispatch, recording, clean-up."""
