// Before the first paint: a classic script, so that the chosen theme never flashes the other one.
(() => {
  const wanted = new URLSearchParams(location.search).get("__theme");
  let kept = null;
  try {
    kept = localStorage.getItem("rayograph.theme");
  } catch {
    // Storage can be switched off; the system's preference serves as well.
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = kept || wanted || dark;
})();
