"""Draw the pictures of the README and of docs/, each as docs/pictures/NAME-light.svg and NAME-dark.svg."""
