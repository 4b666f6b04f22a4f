// Runs before the page is drawn: styles that need the modules apply from the first frame on.
document.documentElement.classList.add("js");
