"""Every word and colour that pipectl shows."""
