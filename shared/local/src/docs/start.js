// Shows the document of this server. Requests go to this server too, whichever the document names first: the page
// may ask no other.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    const asked = new URL(request.url, location.href);
    request.url = location.origin + asked.pathname + asked.search;
    return request;
  },
});
