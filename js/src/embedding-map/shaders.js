/** The two programs: dots, one a point; and marks: thumbnails and flat rectangles. */

export const DOTS = [
  `#version 300 es
layout(location=0) in vec2 a;
layout(location=1) in vec2 b;
layout(location=2) in uint colour;
layout(location=3) in uint flags;
uniform float t, size;
uniform vec4 place; // middle of the view, then scale to clip space
uniform vec2 fade;  // opacity, and that of what is not selected
uniform sampler2D ramp;
out vec4 ink;
void main() {
  if ((flags & 1u) != 0u) { gl_Position = vec4(2., 2., 0., 1.); gl_PointSize = 1.; return; }
  gl_Position = vec4((mix(a, b, t) - place.xy) * place.zw, 0., 1.);
  gl_PointSize = size;
  ink = vec4(texelFetch(ramp, ivec2(int(colour), 0), 0).rgb, (flags & 2u) != 0u ? fade.y : fade.x);
}`,
  `#version 300 es
precision mediump float;
in vec4 ink;
out vec4 o;
uniform float round;
void main() {
  float a = ink.a;
  if (round > 0.) {
    vec2 d = gl_PointCoord - .5;
    a *= clamp((.5 - length(d)) * round + .5, 0., 1.);
  }
  o = vec4(ink.rgb * a, a);
}`,
];

export const MARKS = [
  `#version 300 es
layout(location=0) in vec2 corner;
layout(location=1) in vec4 box;    // middle and size, device px
layout(location=2) in vec4 where1; // level, layer, and the cell's column and row
layout(location=3) in vec4 where2; // the sharper one
layout(location=4) in vec4 look;   // blend of the two, opacity, width of the frame, kind
layout(location=5) in vec4 tint;
uniform vec2 screen;
flat out vec4 w1, w2, l, c;
out vec2 uv;
flat out vec2 size;
void main() {
  w1 = where1; w2 = where2; l = look; c = tint; uv = corner; size = box.zw;
  vec2 p = floor(box.xy - box.zw * .5 + .5) + corner * box.zw;
  gl_Position = vec4(p.x / screen.x * 2. - 1., 1. - p.y / screen.y * 2., 0., 1.);
}`,
  `#version 300 es
precision highp float;
precision mediump sampler2DArray;
uniform sampler2DArray s0, s1, s2, s3;
uniform vec2 paper; // grey of the paper, and whether images are ink on it
flat in vec4 w1, w2, l, c;
in vec2 uv;
flat in vec2 size;
out vec4 o;
vec3 from(vec4 w, vec2 inner) {
  float side = w.x < .5 ? 8. : w.x < 1.5 ? 32. : w.x < 2.5 ? 64. : 128.;
  vec2 p = (w.zw + clamp(inner * side, .5, side - .5) / side) * side / 1024.;
  vec3 at = vec3(p, w.y);
  if (w.x < .5) return texture(s0, at).rgb;
  if (w.x < 1.5) return texture(s1, at).rgb;
  if (w.x < 2.5) return texture(s2, at).rgb;
  return texture(s3, at).rgb;
}
void main() {
  vec2 d = abs(uv - .5) * size - size * .5 + min(3., size.x * .12);
  float r = min(3., size.x * .12);
  float edge = length(max(d, 0.)) + min(max(d.x, d.y), 0.) - r;
  float cover = clamp(.5 - edge, 0., 1.) * l.y;
  if (l.w > .5) { o = vec4(c.rgb * c.a, c.a) * l.y; return; } // a flat rectangle
  vec2 inner = (uv - .5) * size / max(size - 2. * l.z, 1.) + .5;
  vec3 rgb = from(w1, inner);
  if (l.x > 0.) rgb = mix(rgb, from(w2, inner), l.x);
  if (paper.y > .5) {
    float ink = clamp((abs(rgb.g - paper.x) / max(paper.x, 1. - paper.x) - .04) * 1.085, 0., 1.) * l.y;
    o = vec4(c.rgb * ink, ink);
    return;
  }
  float frame = clamp(edge + l.z + .5, 0., 1.) * step(.01, l.z);
  rgb = mix(rgb, c.rgb, frame);
  o = vec4(rgb * cover, cover);
}`,
];

/** @param {WebGL2RenderingContext} gl @param {string[]} sources */
export function program(gl, [vertex, fragment]) {
  const made = /** @type {WebGLProgram} */ (gl.createProgram());
  for (const [kind, text] of /** @type {[number, string][]} */ ([
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost())
    throw new Error(`The graphics card refuses the map: ${gl.getProgramInfoLog(made)}`);
  /** @type {Record<string, WebGLUniformLocation | null>} */
  const at = {};
  const uniforms = gl.getProgramParameter(made, gl.ACTIVE_UNIFORMS) ?? 0;
  for (let i = 0; i < uniforms; i++) {
    const { name } = /** @type {WebGLActiveInfo} */ (gl.getActiveUniform(made, i));
    at[name] = gl.getUniformLocation(made, name);
  }
  return { program: made, at };
}
