/** OpenSeadragon, fetched when the first giant is shown, and set up for this page. */

const ADDRESS = "/static/js/openseadragon.min.js";
let coming = null;

/** The library; a fetch that failed is tried anew by the next call. */
export function library() {
  coming ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = ADDRESS;
    script.onload = () => resolve(window.OpenSeadragon);
    script.onerror = () => {
      script.remove();
      coming = null;
      reject(new Error("The viewer could not be loaded"));
    };
    document.head.append(script);
  });
  return coming;
}

export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Options over an element, with another for the overview map. */
export function options(element, navigatorElement) {
  return {
    element,
    drawer: "canvas",
    showNavigationControl: false,
    showNavigator: true,
    navigatorElement,
    navigatorDisplayRegionColor: "var(--accent)",
    navigatorBorderColor: "transparent",
    // The page has its own keys: keys.js.
    keyboardNavEnabled: false,
    preserveImageSizeOnResize: true,
    animationTime: still() ? 0 : 0.7,
    springStiffness: 8,
    blendTime: still() ? 0 : 0.15,
    immediateRender: false,
    imageLoaderLimit: 8,
    timeout: 120_000,
    maxImageCacheCount: 600,
    maxZoomPixelRatio: 4,
    minZoomImageRatio: 0.8,
    visibilityRatio: 0.4,
    zoomPerScroll: 1.25,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true, flickEnabled: !still() },
    gestureSettingsTouch: { pinchRotate: false, dblClickToZoom: true, flickEnabled: !still() },
    gestureSettingsPen: { clickToZoom: false, dblClickToZoom: true },
  };
}
