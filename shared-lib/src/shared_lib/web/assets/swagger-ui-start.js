// Starts Swagger UI on the document named by the page; a file of its own, because the page's
// Content-Security-Policy allows no inline script.
window.addEventListener("load", () => {
  const page = document.getElementById("swagger-ui");
  SwaggerUIBundle({
    url: page.dataset.openapiUrl,
    domNode: page,
    deepLinking: true,
    showExtensions: true,
    validatorUrl: null, // would send the document's address to a third party
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
  });
});
