"""All text and colours that pipectl prints."""
