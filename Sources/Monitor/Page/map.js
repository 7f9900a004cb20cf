"use strict";
// The mosaic on a map: tiles that are looked at again until they are final, a graticule, and the jobs' regions.

const MosaicLayer = typeof L === "undefined" ? null : L.GridLayer.extend({
  initialize(template, options) {
    L.GridLayer.prototype.initialize.call(this, options);
    this.template = template;
    this.waiting = [];
    this.active = 0;
  },
  createTile(coords, done) {
    const tile = L.DomUtil.create("div", "mosaic-tile");
    tile.source = { coords, tag: null, final: false, busy: false };
    this.load(tile, done);
    return tile;
  },
  url({ x, y, z }) {
    return this.template.replace("{z}", z).replace("{x}", x).replace("{y}", y);
  },
  // Ask again for every tile in sight that may still change.
  refresh() {
    for (const { el } of Object.values(this._tiles)) if (!el.source.final && !el.source.busy) this.load(el, null);
  },
  load(tile, done) {
    tile.source.busy = true;
    this.waiting.push([tile, done]);
    this.work();
  },
  async work() {
    while (this.active < 6 && this.waiting.length) {
      const [tile, done] = this.waiting.shift();
      if (!done && !tile.isConnected) { tile.source.busy = false; continue; }
      this.active += 1;
      this.fetchTile(tile).catch(error => error).then(error => {
        this.active -= 1;
        tile.source.busy = false;
        if (done) done(null, tile);
        this.work();
      });
    }
  },
  async fetchTile(tile) {
    const response = await fetch(this.url(tile.source.coords));
    if (response.status !== 200) return;
    tile.source.final = response.headers.get("Tessera-Final") === "1";
    const tag = response.headers.get("ETag");
    if (tag === tile.source.tag) return;
    const image = new Image();
    image.alt = "";
    const address = URL.createObjectURL(await response.blob());
    image.src = address;
    try { await image.decode(); } finally { URL.revokeObjectURL(address); }
    tile.source.tag = tag;
    const before = [...tile.children];
    tile.append(image);
    requestAnimationFrame(() => image.classList.add("shown"));
    setTimeout(() => before.forEach(old => old.remove()), 450);
  },
});

class MosaicMap {
  constructor(element, readout) {
    this.element = element;
    this.readout = readout;
    this.key = null;
    this.map = null;
  }

  // Show a mosaic; `key` names what must be the same for the map to stay as it is.
  show({ key, template, zooms, plane, regions, fit }) {
    if (this.key !== key) this.rebuild(key, template, zooms, plane);
    this.layer.options.maxNativeZoom = zooms[1];
    this.layer.options.minNativeZoom = zooms[0];
    this.drawRegions(regions);
    if (fit && !this.fitted) this.fit(regions);
  }

  rebuild(key, template, zooms, plane) {
    if (this.map) this.map.remove();
    this.key = key;
    this.plane = plane;
    this.fitted = false;
    this.map = L.map(this.element, {
      crs: plane ? L.CRS.Simple : L.CRS.EPSG3857, minZoom: Math.max(0, zooms[0] - 3), maxZoom: zooms[1] + 3,
      attributionControl: false, zoomControl: false, center: [0, 0], zoom: zooms[0], worldCopyJump: false,
      zoomSnap: .5, fadeAnimation: false,
    });
    L.control.zoom({ position: "topleft" }).addTo(this.map);
    if (!plane) L.control.scale({ position: "bottomright", imperial: false }).addTo(this.map);
    this.grid = L.layerGroup().addTo(this.map);
    this.layer = new MosaicLayer(template, {
      minNativeZoom: zooms[0], maxNativeZoom: zooms[1], maxZoom: zooms[1] + 3, keepBuffer: 1, updateWhenZooming: false,
    }).addTo(this.map);
    this.regions = L.layerGroup().addTo(this.map);
    this.drawn = "";
    this.map.on("moveend zoomend", () => this.drawGrid());
    this.map.on("zoomend", () => this.element.classList.toggle("sharp", this.map.getZoom() > this.layer.options.maxNativeZoom));
    this.map.on("mousemove", event => { this.readout.textContent = this.describe(event.latlng); });
    this.map.on("mouseout", () => { this.readout.textContent = ""; });
  }

  // Return the corners of a job's region on this map.
  corners(job) {
    if (job.bounds) {
      const [west, south, east, north] = job.bounds;
      return [[south, west], [north, east < west ? east + 360 : east]];
    }
    const scale = 2 ** job.zooms[1];
    const [x, y, width, height] = job.pixels;
    return [[-(y + height) / scale, x / scale], [-y / scale, (x + width) / scale]];
  }

  drawRegions(jobs) {
    const drawn = JSON.stringify(jobs.map(job => [job.bounds, job.pixels]));
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.regions.clearLayers();
    for (const job of jobs) {
      L.rectangle(this.corners(job), { className: "region", fill: false, weight: 1.5, dashArray: "5 4", interactive: false }).addTo(this.regions);
    }
  }

  fit(jobs) {
    if (!jobs.length) return;
    const all = L.latLngBounds([]);
    jobs.forEach(job => all.extend(L.latLngBounds(this.corners(job))));
    this.map.fitBounds(all, { padding: [36, 36], maxZoom: this.layer.options.maxNativeZoom + 1 });
    this.fitted = true;
    this.drawGrid();
  }

  drawGrid() {
    this.grid.clearLayers();
    if (this.plane) return;
    const bounds = this.map.getBounds();
    const pixels = this.map.getSize().x / Math.max(1e-9, bounds.getEast() - bounds.getWest());
    const step = [60, 30, 20, 10, 5, 2, 1, .5, .2, .1, .05, .02, .01, .005, .002, .001].filter(s => s * pixels >= 110).pop() || 60;
    const digits = Math.max(0, Math.ceil(-Math.log10(step)));
    const line = points => L.polyline(points, { className: "gridline", weight: 1, interactive: false }).addTo(this.grid);
    const label = (at, text, anchor) => L.marker(at, {
      interactive: false, keyboard: false, icon: L.divIcon({ className: "grid-label", iconSize: [0, 0], iconAnchor: anchor, html: text }),
    }).addTo(this.grid);
    const [south, north] = [Math.max(-85.05, bounds.getSouth()), Math.min(85.05, bounds.getNorth())];
    for (let i = Math.ceil(bounds.getWest() / step); i * step <= bounds.getEast(); i++) {
      const wrapped = ((i * step + 540) % 360) - 180;
      line([[south, i * step], [north, i * step]]);
      label([north, i * step], `${Math.abs(wrapped).toFixed(digits)}°${wrapped < 0 ? "W" : "E"}`, [-4, -4]);
    }
    for (let i = Math.ceil(south / step); i * step <= north; i++) {
      line([[i * step, bounds.getWest()], [i * step, bounds.getEast()]]);
      label([i * step, bounds.getWest()], `${Math.abs(i * step).toFixed(digits)}°${i < 0 ? "S" : "N"}`, [-52, 16]);
    }
  }

  describe(at) {
    const zoom = this.map.getZoom();
    if (this.plane) {
      const scale = 2 ** this.layer.options.maxNativeZoom;
      return `x ${Math.floor(at.lng * scale)}  y ${Math.floor(-at.lat * scale)} · zoom ${zoom}`;
    }
    const metres = 156543.034 * Math.cos(at.lat * Math.PI / 180) / 2 ** zoom;
    const size = metres < 10 ? metres.toFixed(1) : Math.round(metres);
    return `${at.lat.toFixed(4)}, ${(((at.lng + 540) % 360) - 180).toFixed(4)} · zoom ${zoom} · ${size} m/px`;
  }
}
