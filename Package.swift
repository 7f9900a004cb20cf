// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let bits: Target.Dependency = .product(name: "BitCollections", package: "swift-collections")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let database: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")

func module(
    _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []
) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: settings)
}

// From the pure core to the shell; arrows point up this list.
let package = Package(
    name: "tessera",
    products: [
        .executable(name: "tessera", targets: ["tessera"]),
        .executable(name: "tessera-worker", targets: ["tessera-worker"]),
        .executable(name: "fuzz-wire", targets: ["fuzz-wire"]),
        .executable(name: "bench-engine", targets: ["bench-engine"]),
        .executable(name: "bench-dispatch", targets: ["bench-dispatch"]),
        .executable(name: "bench-scale", targets: ["bench-scale"]),
        .executable(name: "cluster-sim", targets: ["cluster-sim"]),
        .executable(name: "bench-pyramid", targets: ["bench-pyramid"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1"),
    ],
    targets: [
        .systemLibrary(name: "CZMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CGDAL", pkgConfig: "gdal", providers: [.apt(["libgdal-dev"])]),
        .target(name: "CPNG", linkerSettings: [.linkedLibrary("png"), .linkedLibrary("z")]),
        .target(name: "CTesseraWire", linkerSettings: [.linkedLibrary("protobuf-c")]),
        .target(name: "CFleet"),
        .target(name: "CKernels"),

        module("Canvas"),
        module("Noise", ["Canvas"]),
        module("Diffusion"),
        module("Denoiser", [crypto], resources: [.copy("Resources/models")]),
        module("BLASEngine", ["Denoiser", "CKernels", "COpenBLAS"]),
        module("Evaluation"),
        module("Raster", ["Canvas", "CPNG", "CGDAL", crypto], resources: [.copy("Resources/world")]),
        module("Pyramid", ["Canvas", "Raster", database]),
        module("Wire", ["Canvas", "CZMQ", "CTesseraWire"]),
        module("Scheduling", ["Canvas", bits, deque, heap]),
        module(
            "Coordinator",
            [
                "Canvas", "Noise", "Diffusion", "Denoiser", "Raster", "Pyramid", "Wire", "Scheduling", crypto, database,
                logging,
            ]),

        module("Worker", ["Canvas", "Noise", "Diffusion", "Denoiser", "Wire", crypto]),
        module("WorkerCommand", ["Worker", "BLASEngine", "Wire", arguments]),
        module("Fleet", ["CFleet"]),
        module(
            "Monitor",
            [
                "Canvas", "Noise", "Pyramid", "Scheduling", "Coordinator", hummingbird, hummingbirdCore, httpTypes,
                logging,
                nio,
            ],
            resources: [.embedInCode("Page")]),
        .executableTarget(name: "tessera-worker", dependencies: ["WorkerCommand"], swiftSettings: settings),
        .executableTarget(
            name: "tessera",
            dependencies: [
                "Canvas", "Noise", "Diffusion", "Denoiser", "Raster", "Pyramid", "Scheduling", "Coordinator", "Fleet",
                "Monitor", "WorkerCommand", "Evaluation", "Wire", arguments, logging,
            ], swiftSettings: settings),

        tests("Canvas", []),
        tests("Noise", ["Canvas"]),
        tests("Diffusion", []),
        tests("Denoiser", []),
        tests("BLASEngine", ["CKernels", "Denoiser", "Diffusion"]),
        tests("Evaluation", []),
        tests("Raster", ["Canvas"]),
        tests("Pyramid", ["Canvas", "Raster", database]),
        .testTarget(
            name: "WireTests", dependencies: ["Wire", "Canvas"], exclude: ["golden_frames.py"],
            swiftSettings: settings),
        .target(
            name: "ClusterSimulation", dependencies: ["Canvas", "Scheduling", heap], path: "Tests/ClusterSimulation",
            swiftSettings: settings),
        .executableTarget(
            name: "cluster-sim", dependencies: ["ClusterSimulation"], path: "Benchmarks/sim", swiftSettings: settings),
        tests("Scheduling", ["Canvas", "ClusterSimulation"]),
        tests("Worker", ["Canvas", "Denoiser", "Noise", "Diffusion", "Wire", crypto]),
        tests("Coordinator", ["Canvas", "Scheduling", "Wire"]),
        tests("Fleet", ["fleet-probe"]),
        tests("Monitor", ["Canvas", "Noise", "Scheduling", "Coordinator", logging]),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "tessera", "WorkerCommand", "Canvas", "Noise", "Scheduling", "Coordinator", "Monitor", "Wire",
                arguments,
            ], swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests", dependencies: ["tessera", "tessera-worker", "Canvas", "Pyramid"],
            swiftSettings: settings),
        .testTarget(
            name: "FaultTests", dependencies: ["tessera", "tessera-worker", "fuzz-wire"], exclude: ["relay.py"],
            swiftSettings: settings),
        .executableTarget(
            name: "fuzz-wire", dependencies: ["Canvas", "Coordinator", "Scheduling", "Wire", logging],
            path: "Tests/FuzzWire",
            swiftSettings: settings),
        .executableTarget(
            name: "fleet-probe", dependencies: ["Fleet"], path: "Tests/FleetProbe", swiftSettings: settings),
        .executableTarget(
            name: "bench-dispatch",
            dependencies: ["Canvas", "Coordinator", "Pyramid", "Raster", "Scheduling", "Wire", logging],
            path: "Benchmarks/bench-dispatch", swiftSettings: settings),
        .executableTarget(
            name: "bench-scale", dependencies: ["Canvas", "Scheduling", "Pyramid", deque],
            path: "Benchmarks/bench-scale",
            swiftSettings: settings),
        .executableTarget(
            name: "bench-engine",
            dependencies: ["BLASEngine", "Canvas", "CKernels", "COpenBLAS", "Denoiser", "Noise", "Wire", "Worker"],
            path: "Benchmarks/bench-engine", swiftSettings: settings),
        .executableTarget(
            name: "bench-pyramid", dependencies: ["Canvas", "Pyramid", "Raster"], path: "Benchmarks/bench-pyramid",
            swiftSettings: settings),
    ]
)
